"""The contracts: every shape that crosses a process boundary, once.

HTTP bodies, AMQP messages, documents and live events are pydantic v2 models in this package. It imports nothing of
ours, does no I/O except reading its own ``taxonomy.csv``, and is what the services share instead of each other.
``python -m proto.generate`` writes the JSON Schemas and the AsyncAPI document that stand beside it.
"""
