import { expect, test } from "vitest";
import { n8n } from "../../../lambda/engine/sources/n8n.ts";

const given = { database: "/var/lib/n8n/database.sqlite", encryptionKeySecret: "erp/n8n-key" };

test("the smallest configuration reads by SFTP", () => {
  expect(n8n.config.parse(given)).toEqual({ ...given, copy: "sftp", drillDiskGiB: 21 });
});

test.each([
  "/srv/n8n/$(reboot)",
  "/srv/n8n/a b",
  "/srv/../etc/x",
  "relative",
  "/srv/n8n/",
  "/srv/n'8n",
  "/a;b",
  "/a\nb",
])("a path with what a shell reads is refused: %j", (database) => {
  expect(n8n.config.safeParse({ ...given, database }).success).toBe(false);
});

test("a drill of a source that the estate names no more says that the key is missing", () => {
  expect(() => n8n.drillFolderConfig?.("/tmp/x", undefined)).toThrow(/encryption key is not known/);
});
