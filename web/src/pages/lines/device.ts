/**
 * The channel that is dialled for a member of a queue, as the server makes it when it saves: every match is replaced, `$1` is
 * the first group. null: the pattern is none, or what comes out cannot be dialled.
 */
export function deviceOf(find: string, replace: string, member: string): string | null {
  let device = member;
  if (find) {
    try {
      // `$$`, `$&` and the like mean nothing to the server: only `$` and a digit is a group, a backslash takes the next as it is.
      device = member.replace(new RegExp(find, "gu"), (...found) =>
        replace.replace(/\\(.?)|\$([0-9])/gu, (_, plain: string | undefined, group: string | undefined) =>
          group === undefined ? (plain ?? "") : String(found[Number(group)] ?? ""),
        ),
      );
    } catch {
      return null;
    }
  }
  return /^[^/\s]+\/\S+$/u.test(device) ? device : null;
}
