/** Something that knows what has happened in it, also once it is closed. */
export interface Eventful {
  describe(): Promise<string> | string
}

/** For a `describe`: takes what a test makes, and tells of the last one what had happened in it when the test fails. */
export function tellFailures(): <T extends Eventful>(made: T) => T {
  let last: Eventful | undefined
  afterEach(async function () {
    if (this.currentTest?.state === 'failed' && last !== undefined)
      console.error(`${this.currentTest.fullTitle()}:\n${await last.describe()}`)
    last = undefined
  })
  return made => {
    last = made
    return made
  }
}
