// not yet in TypeScript's library; every Node that runs Floe has it
const { rawJSON } = JSON as JSON & { rawJSON(text: string): unknown }

/** JSON text in which a bigint is a number with all its digits, as Walrus writes u64 values. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? rawJSON(item.toString()) : item,
  )
}
