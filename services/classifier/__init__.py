"""The classifier: takes jobs from RabbitMQ, runs a network on a run's images, and says who crawled there.

Copyright (C) the Krabbel authors. This package imports YOLOv5 and is therefore free software under the GNU General
Public License, version 3 or later (see LICENSE beside this file); the rest of Krabbel is under the MIT licence.

Follow a job: consumer.py takes it -> handling.py decides what happens to it -> pipeline.py fetches, decodes, predicts
and aggregates -> batcher.py lets all runs share the device -> a Network predicts (checkpoint.py, torchscript_model.py
or onnx_model.py read it) -> settlement.py, and nothing else, acks.
"""
