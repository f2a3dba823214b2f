import type { Bls } from '../../codec/index.ts'

/** In place of the page's BLS, a tenth of the bundle: a reader checks hashes, and signatures are for who stores. */
export async function loadBls(): Promise<Bls> {
  throw new Error('this page only reads')
}
