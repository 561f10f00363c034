/**
 * A reference to a secret as its copy in another Region has it: a name stays, in an ARN only the Region is another. Source:
 * AWS Secrets Manager user guide, "Replicate Secrets Manager secrets across Regions".
 */
export function moveSecret(reference: string, region: string): string {
  return reference.replace(/^(arn:[^:]*:secretsmanager:)[^:]*/, `$1${region}`);
}
