"""Weight files in and out: safetensors, torchvision's and Caffe's."""
