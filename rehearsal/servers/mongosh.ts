import { readFile } from "node:fs/promises";
import { createContext, runInContext } from "node:vm";
import type { Document, MongoClient } from "mongodb";

/**
 * Runs a script that is meant for mongosh: what it does to `admin` is noted, and then done by the driver. There is no
 * mongosh here; of its methods those that our script uses are here, and another one fails. `passwordOf`
 * answers what the script asks a person for.
 */
export async function runMongoshScript(
  client: MongoClient,
  path: string,
  passwordOf: (user: string) => string,
): Promise<string[]> {
  const admin = client.db("admin");
  const { roles } = await admin.command({ rolesInfo: 1 });
  const { users } = await admin.command({ usersInfo: 1 });
  const commands: Document[] = [];
  let asked = "";
  const shell = {
    getRole: (name: string) => roles.find(({ role }: { role: string }) => role === name) ?? null,
    getUser: (name: string) => users.find(({ user }: { user: string }) => user === name) ?? null,
    createRole: ({ role, ...rest }: Document) => commands.push({ createRole: role, ...rest }),
    updateRole: (role: string, rest: Document) => commands.push({ updateRole: role, ...rest }),
    createUser: ({ user, ...rest }: Document) => commands.push({ createUser: user, ...rest }),
  };
  const globals = {
    db: { getSiblingDB: () => shell },
    print: (text: string) => {
      asked = /password of (\S+):/.exec(text)?.[1] ?? "";
    },
    passwordPrompt: () => passwordOf(asked),
  };
  runInContext(await readFile(path, "utf8"), createContext(globals));
  // Objects of the script's own realm are none to the driver.
  for (const command of structuredClone(commands)) await admin.command(command);
  return commands.map((command) => `${Object.keys(command)[0]} ${Object.values(command)[0]}`);
}
