/** A failure as a text for the report: message and the causes below it. */
export function describeFailure(error: unknown): string {
  const texts: string[] = [];
  for (let current = error; current instanceof Error && texts.length < 5; current = current.cause) {
    texts.push(`${current.name}: ${current.message}`);
  }
  return texts.length === 0 ? String(error) : texts.join(" ← ");
}
