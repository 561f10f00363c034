import { type Address, formatAddress } from "../host/address.ts";
import { SourceError } from "../model/errors.ts";

/** What one member of a replica set says of itself. */
export type MemberState = { readonly address: Address } & (
  | { readonly role: "primary"; readonly roundTripMs: number }
  /** `behindMs`: how much older its last write is than the primary's, or than the freshest one's without a primary. */
  | { readonly role: "secondary"; readonly roundTripMs: number; readonly behindMs: number }
  /** Starting, rolling back, an arbiter, or not of the set. */
  | { readonly role: "other"; readonly type: string }
  | { readonly role: "unreachable"; readonly why: string }
);

export interface Choice {
  readonly address: Address;
  readonly role: "primary" | "secondary";
  /** For the operator: whom the choice left out, and why. */
  readonly notes: readonly string[];
}

/**
 * The member to work with: to read, the nearest secondary that is not too far behind, else the primary; to write, the
 * primary. Throws `SourceError` UNHEALTHY when there is none, and says of each member why.
 */
export function chooseMember(
  members: readonly MemberState[],
  purpose: "read" | "write",
  maxStalenessSeconds: number,
): Choice {
  const primary = members.find(({ role }) => role === "primary");
  if (purpose === "write") {
    if (primary !== undefined) return { address: primary.address, role: "primary", notes: [] };
    throw noneFits("to write to", "a primary", members, maxStalenessSeconds);
  }
  const secondaries = members
    .filter((member) => member.role === "secondary")
    .toSorted((a, b) => a.roundTripMs - b.roundTripMs);
  const fresh = secondaries.filter(({ behindMs }) => behindMs <= maxStalenessSeconds * 1000);
  const notes = members
    .filter(({ role }) => role !== "primary")
    .filter((member) => member.role !== "secondary" || !fresh.includes(member))
    .map((member) => describe(member, maxStalenessSeconds));
  const [nearest] = fresh;
  if (nearest !== undefined) return { address: nearest.address, role: "secondary", notes };
  if (primary !== undefined) return { address: primary.address, role: "primary", notes };
  throw noneFits(
    "to read from",
    "a secondary that is fresh enough, or a primary",
    members,
    maxStalenessSeconds,
  );
}

function describe(member: MemberState, maxStalenessSeconds: number): string {
  const name = formatAddress(member.address);
  switch (member.role) {
    case "primary":
      return `${name} is the primary`;
    case "secondary":
      return `${name} is ${Math.round(member.behindMs / 1000)} s behind, at most ${maxStalenessSeconds} s are allowed`;
    case "other":
      return `${name} is neither primary nor secondary (${member.type})`;
    case "unreachable":
      return `${name} did not answer (${member.why})`;
  }
}

function noneFits(
  what: string,
  expected: string,
  members: readonly MemberState[],
  maxStalenessSeconds: number,
): SourceError {
  const got = members.map((member) => describe(member, maxStalenessSeconds));
  return new SourceError(
    "UNHEALTHY",
    `The replica set has no member ${what}: expected ${expected}, got ${got.join("; ") || "no member at all"}. Look at rs.status(), then run again.`,
    { facts: { members: got, maxStalenessSeconds } },
  );
}
