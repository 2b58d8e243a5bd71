"""The rollout: new media move from the local directory to S3 in stages.

The words, in this package and in those of the same name above it:

* A *stage* is the percentage of new media that S3 takes. `shadow` takes none and puts a copy of each to S3.
* A *decision* is one row of the rollout's history: who did what, when and why, and the *state* that it left. *Advice*
  is a decision of the gate that changes nothing. The decision that *stands* is the newest that is not advice.
* The *policy in force* follows from the settings and the decision that stands (`policy`).
* The *gate* applies its *rules* to *figures*. Its *judgement* is the result of each rule and a *verdict*: promote, hold
  or abort.
* *Evidence* is what a decision is recorded with: the figures, the judgement and the settings of that moment.
"""
