"""The mathematics of the segmentation steps as pure functions; import the modules one by one."""
