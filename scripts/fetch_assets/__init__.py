"""Downloads the study's models and datasets and brings them into the layouts that unpact reads."""
