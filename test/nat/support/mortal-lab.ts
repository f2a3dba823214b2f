/** Makes a lab with a process in it, and waits to be killed. */
import { createLab } from './lab.ts'

const lab = await createLab({ a: { nat: 'cone' }, b: { nat: 'cone' } })
lab.run('relay', new URL('./relay.ts', import.meta.url))
process.send?.({ name: lab.name })
