"""The door's pages for people: rendered here, without a build step. `views` decide what is shown, templates how."""
