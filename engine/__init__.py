"""Models and pictures: what the engine is asked (`requests`), who runs it (`supervisor`), and the worker process."""
