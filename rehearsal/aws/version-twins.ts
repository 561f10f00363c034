import {
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  type ListObjectVersionsOutput,
  type ObjectVersion,
  type S3Client,
} from "@aws-sdk/client-s3";

/** Which version of a replica is the copy of which version of its original. */
export interface VersionTwins {
  readonly toCopy: ReadonlyMap<string, string>;
  readonly toOriginal: ReadonlyMap<string, string>;
}

type Markers = Pick<ListObjectVersionsCommandInput, "KeyMarker" | "VersionIdMarker">;

interface Place {
  readonly s3: S3Client;
  readonly bucket: string;
}

/**
 * Pairs the versions of two buckets by key and ETag, the oldest first. Real S3 keeps version ids of what it replicates (S3
 * user guide, "Replicating objects within and across Regions"); the local AWS gives a copy one of its own.
 */
export async function pairVersions(original: Place, copy: Place): Promise<VersionTwins> {
  const copies = Map.groupBy(await listVersions(copy), nameOf);
  const toCopy = new Map<string, string>();
  for (const version of await listVersions(original)) {
    const twin = copies.get(nameOf(version))?.shift();
    if (twin !== undefined) toCopy.set(version.VersionId ?? "", twin.VersionId ?? "");
  }
  return { toCopy, toOriginal: new Map([...toCopy].map(([one, other]) => [other, one])) };
}

function nameOf({ Key, ETag }: ObjectVersion): string {
  return `${Key} ${ETag}`;
}

/** The oldest version of each key first. */
async function listVersions({ s3, bucket }: Place): Promise<ObjectVersion[]> {
  const versions: ObjectVersion[] = [];
  for (let markers: Markers | undefined = {}; markers !== undefined; ) {
    const page: ListObjectVersionsOutput = await s3.send(
      new ListObjectVersionsCommand({ Bucket: bucket, ...markers }),
    );
    versions.push(...(page.Versions ?? []));
    markers = page.IsTruncated
      ? { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker }
      : undefined;
  }
  return versions.reverse();
}
