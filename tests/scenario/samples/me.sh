#!/bin/sh
curl -X GET "$1/v1/me/$2"
