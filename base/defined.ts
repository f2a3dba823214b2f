/** Records of any keys lose `undefined` as a value; of other objects each field is what it was declared to be. */
type Defined<Fields> = string extends keyof Fields
  ? { [Key in keyof Fields]: Exclude<Fields[Key], undefined> }
  : Fields

/** The fields without those that are undefined: for what is written, compared or spread, where these would count as given. */
export function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Defined<Fields>
}
