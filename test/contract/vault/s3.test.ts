import { startS3State, startS3Vault } from "./s3-world.ts";
import { describeState } from "./state-contract.ts";
import { describeVault } from "./vault-contract.ts";

describeVault("on S3", () => startS3Vault());
describeState("on S3", () => startS3State());
