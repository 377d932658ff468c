// node's web-push, 100 in flight: with its default agent, or with one that keeps connections alive.
import {readFileSync} from "node:fs";
import https from "node:https";
import webpush from "web-push";

const [file, kind] = process.argv.slice(2);
const job = JSON.parse(readFileSync(file));
const options = {TTL: 86400, urgency: "normal", vapidDetails: job.vapid};
options.agent = kind === "keepalive"
  ? new https.Agent({keepAlive: true, maxSockets: 100, ca: readFileSync(job.ca)})
  : undefined;
let next = 0, created = 0;

async function run() {
  while (next < job.subscriptions.length) {
    const subscription = job.subscriptions[next++];
    const answer = await webpush.sendNotification(subscription, job.payload, options);
    created += answer.statusCode === 201;
  }
}

const before = process.cpuUsage(), started = performance.now();
await Promise.all(Array.from({length: 100}, run));
const used = process.cpuUsage(before);
console.log(JSON.stringify({
  created,
  us: (used.user + used.system) / job.subscriptions.length,
  per_second: job.subscriptions.length / (performance.now() - started) * 1000,
}));
process.exit(0);
