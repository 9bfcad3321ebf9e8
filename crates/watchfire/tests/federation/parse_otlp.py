"""Parses posts of traces by the definitions that OpenTelemetry publishes; an unknown field is an error."""

import base64
import json
import sys

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def with_base64(value):
    """OTLP writes ids in hexadecimal, where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [with_base64(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else with_base64(item)
        for key, item in value.items()
    }


count, kinds = 0, set()
for post in json.load(sys.stdin):
    request = ParseDict(with_base64(post), ExportTraceServiceRequest())
    for resource in request.resource_spans:
        names = {attribute.key for attribute in resource.resource.attributes}
        assert {"service.name", "service.version", "watchfire.realm"} <= names, names
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
                assert len(span.parent_span_id) in (0, 8), span
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
                count += 1
                kinds.add(span.kind)
names = [Span.SpanKind.Name(kind).removeprefix("SPAN_KIND_") for kind in sorted(kinds)]
print(json.dumps({"spans": count, "kinds": names}))
