# SPDX-License-Identifier: MIT
"""The methods of both clients, by what they are about; each one makes a request and asks."""
