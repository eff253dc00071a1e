"""The study's figures as data, the runner that resumes, the results table, and the verdicts."""
