import { useAuth, useOrganization } from '@clerk/react'
import { useCallback, useEffect, useState } from 'react'

// Team shows who belongs to the active organization, and invites more.
export function Team() {
  const { orgRole } = useAuth()
  const { organization } = useOrganization()
  const ask = useBackEnd()
  const [{ members, invited }, setTeam] = useState({ members: [], invited: [] })
  const events = useEvents(ask)
  const latest = events[0]?.id

  const load = useCallback(() => ask('/api/team').then(setTeam), [ask])
  useEffect(() => {
    load().catch(console.error)
  }, [load, latest]) // what an event tells of may have changed the team

  return (
    <main className="team">
      <h1>{organization?.name}</h1>
      <section className="card">
        <h2>Members</h2>
        <People list={members} />
      </section>
      {orgRole === 'org:admin' && (
        <section className="card">
          <h2>Invite</h2>
          <Invite ask={ask} onInvited={load} />
          {invited.length > 0 && (
            <>
              <h3>Not yet here</h3>
              <People list={invited} />
            </>
          )}
        </section>
      )}
      <section className="card">
        <h2>What happened</h2>
        <p className="quiet">usher posts each event to our back end.</p>
        <ol className="events">
          {events.map((e) => (
            <li key={e.id}>
              <time>{new Date(e.at).toLocaleTimeString()}</time> <code>{e.type}</code> {e.who}
            </li>
          ))}
        </ol>
      </section>
    </main>
  )
}

function People({ list }) {
  return (
    <ul className="people">
      {list.map((p) => (
        <li key={p.id}>
          <span>
            {p.name && <b>{p.name}</b>} {p.email}
          </span>
          {p.squad && <span className="quiet">{p.squad}</span>}
          <span className="role">{p.role}</span>
        </li>
      ))}
    </ul>
  )
}

function Invite({ ask, onInvited }) {
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)

  async function submit(e) {
    e.preventDefault()
    const form = e.target
    setBusy(true)
    setProblem('')
    try {
      await ask('/api/invitations', Object.fromEntries(new FormData(form)))
      form.reset()
      await onInvited()
    } catch (refusal) {
      setProblem(refusal.message)
    }
    setBusy(false)
  }

  return (
    <form onSubmit={submit}>
      <label>
        E-mail
        <input name="email" type="email" required placeholder="grace@example.com" />
      </label>
      <label>
        Squad
        <input name="squad" placeholder="Compilers" />
      </label>
      <label>
        Role
        <select name="role">
          <option value="org:member">Member</option>
          <option value="org:admin">Admin</option>
        </select>
      </label>
      <button disabled={busy}>Invite</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  )
}

// useBackEnd returns a function that asks our back end, as whoever is signed in.
function useBackEnd() {
  const { getToken } = useAuth()
  return useCallback(
    async (path, body) => {
      const res = await fetch(path, {
        method: body ? 'POST' : 'GET',
        headers: { Authorization: `Bearer ${await getToken()}` },
        body: body && JSON.stringify(body),
      })
      const answer = await res.json().catch(() => ({ error: `Atlas answered ${res.status}.` }))
      if (!res.ok) throw new Error(answer.error)
      return answer
    },
    [getToken],
  )
}

// useEvents asks for the last events every other second.
function useEvents(ask) {
  const [events, setEvents] = useState([])
  useEffect(() => {
    const load = () => ask('/api/events').then(setEvents, console.error)
    load()
    const timer = setInterval(load, 2000)
    return () => clearInterval(timer)
  }, [ask])
  return events
}
