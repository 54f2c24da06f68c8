"""Sources, statistics, augmentation and loading of the images; knows nothing of networks."""
