"""What a network says of images, with labels and without."""
