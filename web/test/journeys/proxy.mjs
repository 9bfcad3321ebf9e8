// A proxy on loopback that can stall event streams, as a dead line would, without closing them.
import { createServer, request as dial } from 'node:http';

/** Forwards everything to `target` with headers untouched. */
export async function startProxy(target) {
  const to = new URL(target);
  const streams = new Set();
  const proxy = { url: '', stalled: false, close: () => {}, flow: () => {} };
  const server = createServer((incoming, outgoing) => {
    const options = { host: to.hostname, port: to.port, path: incoming.url, method: incoming.method, headers: incoming.headers };
    const forwarded = dial(options, (answer) => {
      const isStream = (answer.headers['content-type'] ?? '').startsWith('text/event-stream');
      if (isStream) streams.add(outgoing);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('data', (chunk) => {
        if (!(isStream && proxy.stalled)) outgoing.write(chunk);
      });
      answer.on('end', () => outgoing.end());
    });
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => {
      streams.delete(outgoing);
      forwarded.destroy();
    });
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}/`;
  // What a stalled stream swallowed is gone, so it ends; whoever reads it asks anew.
  proxy.flow = () => {
    proxy.stalled = false;
    for (const stream of streams) stream.destroy();
  };
  proxy.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return proxy;
}
