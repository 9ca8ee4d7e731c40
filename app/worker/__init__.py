"""The inference worker: a process of its own that holds a language model and SAEs and answers live prompts."""
