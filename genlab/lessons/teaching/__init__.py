"""The questions and exercises of the lessons, as rows of :mod:`genlab.lessons.questions`."""
