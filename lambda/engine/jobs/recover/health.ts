import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Host } from "../../host/host.ts";
import { SourceError, throwIfAborted } from "../../model/errors.ts";
import type { EstateApp } from "../../model/estate.ts";
import { collect } from "../../stream/limits.ts";
import type { Services } from "../services.ts";
import { appOf } from "./host-steps.ts";
import type { StepAnswer } from "./step.ts";

const ATTEMPT_TIMEOUT_MS = 10_000;
const ATTEMPT_PAUSE_MS = 1_000;
const BODY_BYTES_LIMIT = 256 * 1024;

type Health = { readonly healthy: true } | { readonly healthy: false; readonly why: string };

/**
 * Asks the app's health page through the host until it answers as configured, at most `health.timeoutSeconds`.
 * Throws `SourceError` UNHEALTHY with the last answer.
 */
export async function askHealth(services: Services, signal: AbortSignal): Promise<StepAnswer> {
  const { health } = appOf(services);
  await using host = await services.openHost(signal);
  const deadline = services.clock.now().getTime() + health.timeoutSeconds * 1000;
  for (let attempts = 1; ; attempts++) {
    const answer = await askOnce(host, health, signal);
    if (answer.healthy) return { app: "healthy", attempts };
    if (services.clock.now().getTime() >= deadline)
      throw new SourceError(
        "UNHEALTHY",
        `The app is not healthy after ${health.timeoutSeconds} s and ${attempts} attempts: ${answer.why}. See its log on the host, then resume.`,
        { facts: { url: health.url, attempts, why: answer.why } },
      );
    await services.wait(ATTEMPT_PAUSE_MS, signal);
  }
}

async function askOnce(host: Host, health: EstateApp["health"], signal: AbortSignal): Promise<Health> {
  try {
    const { status, body } = await get(host, new URL(health.url), signal);
    if (status !== health.expectStatus)
      return { healthy: false, why: `status ${status}, expected ${health.expectStatus}` };
    if (health.expectBody !== undefined && !body.includes(health.expectBody))
      return { healthy: false, why: `the body does not contain ${JSON.stringify(health.expectBody)}` };
    return { healthy: true };
  } catch (error) {
    throwIfAborted(signal);
    return { healthy: false, why: error instanceof Error ? error.message : String(error) };
  }
}

async function get(host: Host, url: URL, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const tls = url.protocol === "https:";
  const port = Number(url.port) || (tls ? 443 : 80);
  await using reached = await host.reach({ via: "ssh", host: url.hostname, port });
  const soon = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]);
  const options = {
    host: reached.host,
    port: reached.port,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, connection: "close" },
    agent: false,
    signal: soon,
  } as const;
  const sent = tls ? requestHttps({ ...options, servername: url.hostname }) : requestHttp(options);
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  sent.on("error", reject);
  sent.on("response", (response) => {
    collect(response, BODY_BYTES_LIMIT, `The answer of ${url.href}`)
      .then((body) => resolve({ status: response.statusCode ?? 0, body: body.toString() }))
      .catch(reject);
  });
  sent.end();
  return await promise;
}
