"""The Voice Partner v1 contract: names, codes and shapes of the wire, and nothing of the domain's own."""
