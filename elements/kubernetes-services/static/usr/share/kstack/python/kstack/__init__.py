"""What runs on nodes and watches the Kubernetes API: docs/adr/0005-controllers.md. Runs on Python 3.4 (Debian 8) too."""
