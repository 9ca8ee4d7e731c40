"""The process that holds a language model and SAEs and answers live prompts."""
