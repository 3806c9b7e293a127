"""Standards that come with the product, one YAML file each; `scoring.standards.load_preset` reads them."""
