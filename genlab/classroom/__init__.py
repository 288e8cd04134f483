"""Teaching a class: questions to a room, votes, and a teacher's own questions."""
