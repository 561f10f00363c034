import { z } from "zod";

/** Time, as an argument. */
export interface Clock {
  now(): Date;
}

/** Randomness, as an argument. */
export interface Random {
  bytes(length: number): Uint8Array;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARACTERS = 10;

/** `20261123T024500123Z-7k2m9qx4ta`: UTC to the millisecond, then 50 random bits (Crockford's base 32). */
export const idSchema = z
  .string()
  .regex(/^\d{8}T\d{9}Z-[0-9a-hjkmnp-tv-z]{10}$/, "expected an id such as 20261123T020004123Z-7k2m9qx4ta");

/** A new id that sorts by time and never collides; used for backups, sets and records. */
export function makeId(clock: Clock, random: Random): string {
  const letters = [...random.bytes(RANDOM_CHARACTERS)].map((byte) => ALPHABET[byte % ALPHABET.length]);
  return `${idPrefixAt(clock.now())}-${letters.join("")}`;
}

/** What the ids of a moment begin with; all later ids sort after it. */
export function idPrefixAt(at: Date): string {
  return at.toISOString().replace(/[-:.]/g, "");
}

/** The moment at which an id was made. */
export function timeOfId(id: string): Date {
  const [, date = "", hour = "", minute = "", second = "", ms = ""] =
    /^(\d{8})T(\d{2})(\d{2})(\d{2})(\d{3})Z-/.exec(id) ?? [];
  const day = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6, 8)}`;
  return new Date(`${day}T${hour}:${minute}:${second}.${ms}Z`);
}
