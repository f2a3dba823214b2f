import { runCodecFuzz } from './support/fuzz-case.ts'

/** A short run of the fuzzer; `npm run fuzz -- codec --minutes 10` is the long one. */
const CASES = 60

describe('the codec under random input', () => {
  it('agrees with the official encoder, and gives right answers or typed errors', async function () {
    this.timeout(60_000)
    await runCodecFuzz(20_240_607, done => done < CASES)
  })
})
