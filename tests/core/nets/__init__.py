"""Networks: ours, the papers', torchvision's and timm's."""
