import { dirname, join, normalize } from "node:path";

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;
const CODE = /```[\s\S]*?```|`[^`\n]*`/g;

/** Relative links of one Markdown text that lead to nothing: a file that is not there, a heading that is not there. */
export function findBrokenLinks(
  path: string,
  text: string,
  read: (path: string) => string | undefined,
): string[] {
  return [...text.replace(CODE, "").matchAll(LINK)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target, read))
    .map((target) => `${path} links to ${target}`);
}

function leadsSomewhere(path: string, target: string, read: (path: string) => string | undefined): boolean {
  const [file = "", heading] = target.split("#");
  const text = read(file === "" ? path : normalize(join(dirname(path), decodeURI(file))));
  if (text === undefined) return false;
  return heading === undefined || headingsOf(text).has(decodeURI(heading));
}

/** Anchors as GitHub makes them: lower case, punctuation left out, spaces as hyphens. */
function headingsOf(text: string): Set<string> {
  const headings = text.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ +(.+)$/gm);
  return new Set(
    [...headings].map(([, words = ""]) =>
      words
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
