/** What stands for real names in the examples of inputs. */
export const SET_ID = "20261123T020000120Z-3f8w2mx7ka";
export const NEW_HOST = { address: "203.0.113.7", hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" };
export const RUN_ID = "6f1c2a52-manual";
