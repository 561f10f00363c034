import { appendFile, chmod, mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../../../support/certificates.ts";
import { startSshd } from "../../../support/sshd.ts";
import { judgeTree } from "../../../support/tree-oracle.ts";
import type { Place, SourceWorld } from "../world.ts";

/** What PEM allows around its blocks: a chain of about a megabyte. */
const COMMENT_BYTES = 750_000;
const OLD = new Date("2025-03-04T05:06:07Z");
const BLOCK = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n/g;

/** The folder of an ACME client on a host with a real sshd, filled with certificates of openssl. */
export async function startCertificatesWorld(): Promise<SourceWorld> {
  const sshd = await startSshd();
  const folder = await mkdtemp(join(tmpdir(), "backup-estate-certificates-"));
  for (const place of ["source", "target"]) await mkdir(join(folder, place));
  const made = makeCertificates();
  const at = (place: Place, ...path: string[]) => join(folder, place, "live", ...path);
  const put = async (place: Place, domain: string, pems: string, issuer = "", comment = "") => {
    const [certificate = "", key = ""] = pems.match(BLOCK) ?? [];
    await mkdir(at(place, domain), { recursive: true });
    await writeFile(at(place, domain, "fullchain.pem"), comment + certificate + issuer);
    await writeFile(at(place, domain, "privkey.pem"), key, { mode: 0o600 });
    await settle(place, domain);
  };
  /** Both places get the same change at different moments, and time is a part of what is judged. */
  const settle = async (place: Place, domain: string) => {
    for (const name of ["fullchain.pem", "privkey.pem"]) await utimes(at(place, domain, name), OLD, OLD);
  };
  const { host, privateKey } = sshd;
  return {
    ssh: { host, privateKey },
    configOf: (place) => ({ acmeFolder: join(folder, place) }),
    clear: (place) => rm(join(folder, place, "live"), { recursive: true, force: true }),
    fill: async (place) => {
      await put(place, "erp.example.com", made.server, made.ca);
      await put(place, "shop.example.com", made.client, made.ca);
    },
    grow: async (place, bytes) => {
      await mkdir(at(place), { recursive: true });
      const count = (await readdir(at(place))).length;
      for (let n = 0; n * COMMENT_BYTES < bytes; n++) {
        const noise = Buffer.from(crypto.getRandomValues(new Uint32Array(1)).buffer).toString("hex");
        const comment = `${noise.repeat(COMMENT_BYTES / noise.length)}\n`;
        await put(place, `bulk-${count + n}.example.com`, made.server, made.ca, comment);
      }
    },
    judge: async (place) =>
      Object.fromEntries(
        Object.entries(await judgeTree(join(folder, place))).filter(([path]) => path.endsWith(".pem")),
      ),
    changes: {
      "a renewed certificate": (place) => put(place, "erp.example.com", made.stranger),
      "one more byte of a chain": async (place) => {
        await appendFile(at(place, "erp.example.com", "fullchain.pem"), "\n");
        await settle(place, "erp.example.com");
      },
      "another mode of a key": (place) => chmod(at(place, "erp.example.com", "privkey.pem"), 0o640),
      "two domains swapped": async (place) => {
        await rename(at(place, "erp.example.com"), at(place, "spare"));
        await rename(at(place, "shop.example.com"), at(place, "erp.example.com"));
        await rename(at(place, "spare"), at(place, "shop.example.com"));
      },
      "a domain less": (place) => rm(at(place, "shop.example.com"), { recursive: true }),
    },
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
