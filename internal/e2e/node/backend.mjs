// All tests of @clerk/backend, one after another.
import './organizations.mjs'
import './invitations.mjs'
import './users.mjs'
import './instance.mjs'
import './redirects.mjs'
import './roles.mjs'
import './absent.mjs'
import './every.mjs'
