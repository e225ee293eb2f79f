"""Meta-training: one file a training method, the trainer, adaptation."""
