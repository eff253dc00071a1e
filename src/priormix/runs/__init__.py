"""Many runs at once: what to train where, in processes of this machine or on a Ray cluster."""
