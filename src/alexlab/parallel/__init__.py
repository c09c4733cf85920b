"""Several processes that train one network: how they divide its work, find each other, and what they send."""
