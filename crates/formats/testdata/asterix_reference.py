"""Prints what the PyPI package `asterix-decoder` makes of ASTERIX recordings, as JSON Lines.

Usage: python asterix_reference.py [FOLDER ...]

Reads every recording in the package's own `sample_data` and in the folders. One line a recording:
{"file", "records": [{"category", "sac", "sic", ...}]}; records of categories 34 and 48 only.
The capture reader here is small and separate from the one under test.
"""

import json
import pathlib
import struct
import sys

import asterix

GPS_HEADER_BYTES = 2200
GPS_TRAILER_BYTES = 10


def payloads(data):
    """The ASTERIX bytes of a recording, datagram by datagram."""
    if data[:4] == b"\xd4\xc3\xb2\xa1":
        at = 24
        while at + 16 <= len(data):
            length = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16 : at + 16 + length]
            at += 16 + length
            if frame[12:14] == b"\x08\x00" and frame[23] == 17:
                udp = 14 + (frame[14] & 15) * 4
                yield frame[udp + 8 : udp + struct.unpack_from(">H", frame, udp + 4)[0]]
    elif data[:3] == b"\xcd\xcd\xcd":
        at = GPS_HEADER_BYTES
        while at + 3 <= len(data):
            length = struct.unpack_from(">H", data, at + 1)[0]
            yield data[at : at + length]
            at += length + GPS_TRAILER_BYTES
    else:
        yield data


def value(record, item, field):
    content = record.get(item, {}).get(field)
    return None if content is None else content["val"]


FIELDS = {
    48: {
        "sac": ("I010", "SAC"),
        "sic": ("I010", "SIC"),
        "time_of_day_s": ("I140", "ToD"),
        "rho_nm": ("I040", "RHO"),
        "theta_deg": ("I040", "THETA"),
        "mode_3a": ("I070", "Mode3A"),
        "track_number": ("I161", "Tn"),
        "flight_level": ("I090", "FL"),
        "aircraft_address": ("I220", "ACAddr"),
        "identification": ("I240", "TId"),
        "x_nm": ("I042", "X"),
        "y_nm": ("I042", "Y"),
        "heading_deg": ("I200", "CHdg"),
        "detection": ("I020", "TYP"),
    },
    34: {
        "sac": ("I010", "SAC"),
        "sic": ("I010", "SIC"),
        "time_of_day_s": ("I030", "ToD"),
        "message": ("I000", "MsgTyp"),
        "sector_deg": ("I020", "Azi"),
    },
}


def main(folders):
    samples = pathlib.Path(asterix.__file__).parent / "sample_data"
    suffixes = {".pcap", ".raw", ".gps", ".ast"}
    files = [
        file
        for folder in [samples, *map(pathlib.Path, folders)]
        for file in sorted(folder.rglob("*"))
        if file.suffix in suffixes
    ]
    for file in files:
        records = []
        for payload in payloads(file.read_bytes()):
            for record in asterix.parse(payload):
                fields = FIELDS.get(record["category"])
                if fields is None:
                    continue
                row = {name: value(record, *place) for name, place in fields.items()}
                row = {"category": record["category"], "length": record["len"], **row}
                records.append(row)
        print(json.dumps({"file": str(file), "records": records}))


main(sys.argv[1:])
