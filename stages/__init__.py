"""One thin script a stage: load parameters, call the library, write the outputs."""
