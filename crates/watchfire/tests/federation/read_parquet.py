"""Reads a folder of exported files twice, with pyarrow and with DuckDB, and prints what each found."""

import glob
import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


def plain(value, kind):
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value


def by_pyarrow(folder):
    rows, types, notes = [], {}, {}
    for path in sorted(glob.glob(folder + "/*.parquet")):
        file = pq.ParquetFile(path)
        notes = {k.decode(): v.decode() for k, v in file.metadata.metadata.items()
                 if k.startswith(b"watchfire.")}
        table = file.read()
        types = {field.name: str(field.type) for field in table.schema}
        columns = {}
        for field, column in zip(table.schema, table.columns):
            if pa.types.is_timestamp(field.type):
                column = column.cast(pa.int64())
            elif isinstance(field.type, pa.BaseExtensionType):
                column = pa.chunked_array([chunk.storage for chunk in column.chunks])
            columns[field.name] = [plain(value, field.type) for value in column.to_pylist()]
        names = list(columns)
        rows += [dict(zip(names, row)) for row in zip(*columns.values())]
    return {"rows": rows, "types": types, "notes": notes}


def by_duckdb(folder):
    connection = duckdb.connect()
    source = f"read_parquet('{folder}/*.parquet')"
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    types = {name: kind for name, kind, *_ in described}
    picked = []
    for name, kind in types.items():
        if kind.startswith("TIMESTAMP"):
            picked.append(f'epoch_ns("{name}") AS "{name}"')
        elif kind == "BLOB":
            picked.append(f'lower(hex("{name}")) AS "{name}"')
        elif kind == "JSON":
            picked.append(f'"{name}"::VARCHAR AS "{name}"')
        else:
            picked.append(f'"{name}"')
    found = connection.execute(f"SELECT {', '.join(picked)} FROM {source}").fetchall()
    return {"rows": [dict(zip(types, row)) for row in found], "types": types}


folder = sys.argv[1]
print(json.dumps({"pyarrow": by_pyarrow(folder), "duckdb": by_duckdb(folder)}))
