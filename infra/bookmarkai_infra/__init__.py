"""BookmarkAI's media pipeline on AWS, as CDK stacks. It imports nothing of the pipeline's own package."""
