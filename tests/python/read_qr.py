"""Reads the QR codes in a picture, with somebody else's library, as a phone's camera would.

usage: read_qr.py < PICTURE.png

It prints the text of each code as one line of JSON.
"""

import io
import json
import sys

import zxingcpp
from PIL import Image

picture = Image.open(io.BytesIO(sys.stdin.buffer.read())).convert("L")
for code in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode):
    print(json.dumps(code.text))
