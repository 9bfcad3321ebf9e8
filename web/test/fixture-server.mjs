// `npm run fixture [port]`: the stand-in node, for a browser of your own.
import { startFixture } from './fixture/server.mjs';

const { login } = await startFixture(Number(process.argv[2] ?? 8441));
console.log(`open ${login}`);
