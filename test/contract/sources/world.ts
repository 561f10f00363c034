import type { EstateHost } from "../../../lambda/engine/model/estate.ts";
import type { DumpOptions } from "../../../lambda/engine/sources/source.ts";

/** The two real places of a world: what is backed up, and what backups are restored into. Both begin empty. */
export type Place = "source" | "target";

/** What the laws need of one kind of source: real servers, and means to fill and to judge them without the engine. */
export interface SourceWorld extends AsyncDisposable {
  /** What `estate.yaml` would say of a place, as the kind's own schema takes it. */
  configOf(place: Place): unknown;
  /** The host that is reached by SSH, where the source cannot do without one. */
  readonly ssh?: { readonly host: EstateHost; readonly privateKey: string };
  readonly secrets?: Readonly<Record<string, string>>;
  /** Takes everything away that `fill`, `grow` and restores put there. */
  clear(place: Place): Promise<void>;
  /** A little of everything that the source can hold; always the same. */
  fill(place: Place): Promise<void>;
  /** So many bytes in records of an ordinary size, beside what is there. */
  grow(place: Place, bytes: number): Promise<void>;
  /** What a place holds, by the public means of the server alone: equal exactly where the contents are. */
  judge(place: Place): Promise<unknown>;
  /** Small changes of what `fill` made, by what they are: each must be seen. */
  readonly changes: Readonly<Record<string, (place: Place) => Promise<unknown>>>;
  /** How dumps are proven; `as-read` where nothing is said. */
  readonly proof?: DumpOptions["proof"];
}

export type StartWorld = () => Promise<SourceWorld>;
